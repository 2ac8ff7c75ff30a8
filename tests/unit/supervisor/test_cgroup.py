"""What may be used of a machine, laid out in files as cgroups(7) and the kernel describe them."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.supervisor.cgroup import Machine, choose_workers, read_machine, share_bytes

MIB = 1 << 20
GIB = 1 << 30
MEMINFO = "MemTotal:        8388608 kB\nMemFree:          123456 kB\n"


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_a_machine_without_groups_is_all_there_is(tmp_path: Path) -> None:
    assert read_machine(8, lay_out(tmp_path, {})) == Machine(8, None, 8 * GIB, None)


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    """Not even how much memory it has: no limit follows from that."""
    machine = read_machine(4, tmp_path / "nowhere")
    assert choose_workers(machine)[0] == 4


@pytest.mark.parametrize("mount", ["sys/fs/cgroup", "sys/fs/cgroup/unified"])
def test_version_2(tmp_path: Path, mount: str) -> None:
    """The smallest limit from the group up to the root counts."""
    files = {
        "proc/self/cgroup": "0::/shop.slice/web.service\n",
        f"{mount}/cpu.max": "max 100000\n",
        f"{mount}/shop.slice/cpu.max": "150000 100000\n",
        f"{mount}/shop.slice/memory.max": f"{512 * MIB}\n",
        f"{mount}/shop.slice/web.service/cpu.max": "400000 100000\n",
        f"{mount}/shop.slice/web.service/memory.max": "max\n",
    }
    assert read_machine(8, lay_out(tmp_path, files)) == Machine(8, 1.5, 8 * GIB, 512 * MIB)


@pytest.mark.parametrize("names", ["cpu,cpuacct", "cpu"])
def test_version_1(tmp_path: Path, names: str) -> None:
    """A hierarchy for each controller; -1 and a huge number are no limit."""
    files = {
        "proc/self/cgroup": f"11:{names}:/docker/3f0c\n9:memory:/docker/3f0c\n1:name=systemd:/docker/3f0c\n",
        f"sys/fs/cgroup/{names}/cpu.cfs_quota_us": "-1\n",
        f"sys/fs/cgroup/{names}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/{names}/docker/3f0c/cpu.cfs_quota_us": "50000\n",
        f"sys/fs/cgroup/{names}/docker/3f0c/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/docker/3f0c/memory.limit_in_bytes": f"{GIB}\n",
    }
    assert read_machine(8, lay_out(tmp_path, files)) == Machine(8, 0.5, 8 * GIB, GIB)


def test_in_a_container_the_path_is_the_hosts(tmp_path: Path) -> None:
    """Its own group is mounted where the root would be."""
    files = {
        "proc/self/cgroup": "4:memory:/docker/3f0c\n3:cpu,cpuacct:/docker/3f0c\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{256 * MIB}\n",
    }
    assert read_machine(8, lay_out(tmp_path, files)) == Machine(8, 2.0, 8 * GIB, 256 * MIB)


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 0\n"},
        {"proc/self/cgroup": "nonsense\n:\n::\n"},
        {"proc/self/cgroup": "0::/../../etc\n", "sys/fs/cgroup/memory.max": "-5\n"},
    ],
)
def test_what_makes_no_sense_is_no_limit(tmp_path: Path, files: dict[str, str]) -> None:
    assert read_machine(2, lay_out(tmp_path, files)) == Machine(2, None, 8 * GIB, None)


@pytest.mark.parametrize(
    ("machine", "number", "sentence"),
    [
        (Machine(1, None, 8 * GIB, None), 1, "workers auto: 1, for 1 processor"),
        (Machine(8, None, 8 * GIB, None), 8, "workers auto: 8, for 8 processors"),
        (Machine(8, 1.5, 8 * GIB, None), 2, "workers auto: 2, for 8 processors, a quota of 1.5"),
        (Machine(8, 0.2, 8 * GIB, None), 1, "workers auto: 1, for 8 processors, a quota of 0.2"),
        (Machine(2, 6.0, 8 * GIB, None), 2, "workers auto: 2, for 2 processors, a quota of 6"),
        (
            Machine(8, None, 8 * GIB, 512 * MIB),
            4,
            "workers auto: 4, for 8 processors, 512 MiB of memory, enough for 4 at 128 MiB each",
        ),
        (
            Machine(8, None, 64 * MIB, None),
            1,
            "workers auto: 1, for 8 processors, 64 MiB of memory, enough for 1 at 128 MiB each",
        ),
        (Machine(1024, None, 1024 * GIB, None), 256, "workers auto: 256, for 1024 processors"),
    ],
)
def test_the_choice_and_its_reason(machine: Machine, number: int, sentence: str) -> None:
    assert choose_workers(machine) == (number, sentence)


def test_a_share_of_what_may_be_used() -> None:
    """In percent of the limit, or where there is none of the machine; bytes are bytes."""
    assert share_bytes("25%", Machine(1, None, 8 * GIB, GIB)) == 256 * MIB
    assert share_bytes("50%", Machine(1, None, 8 * GIB, None)) == 4 * GIB
    assert share_bytes(1234, Machine(1, None, 8 * GIB, GIB)) == 1234
