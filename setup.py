"""Builds the compiled core: every potstill/core/*.pyx is an extension module of its own.

Everything else about the package stands in pyproject.toml. The generated C goes to build/cython, so that the
source tree holds sources only; `build_ext --inplace` adds the shared objects beside them. A module is built
again when its .pyx, a .pxd that it cimports (also through another one) or this file has changed.

POTSTILL_SANITIZE=1 builds with AddressSanitizer and UndefinedBehaviorSanitizer; use it through
`make sanitize`, which builds in a copy of the tree.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, PlatformError

SANITIZE = os.environ.get("POTSTILL_SANITIZE") == "1"

# The modules call each other through tables that Cython fills at import: only the init function needs to be
# exported. -g1 keeps line numbers for `perf` and crash reports at a fraction of the size of -g.
COMPILE_PLAIN = ["-O3", "-g1", "-fno-plt", "-fvisibility=hidden"]
COMPILE_SANITIZE = ["-O1", "-g", "-fno-omit-frame-pointer"]
# The first report ends the process. What object-size would report, AddressSanitizer reports better.
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize=object-size", "-fno-sanitize-recover=all"]
# Cython leaves unused functions behind, and compares its enumerators, which C takes for unsigned; without
# these, the warnings that remain are ours to read.
WARNINGS_OFF = ["-Wno-unused-function", "-Wno-unreachable-code", "-Wno-sign-compare"]

# Bounds checks and the like stay as Cython has them: a module that does without says so in its first lines.
DIRECTIVES = {"language_level": 3}


def core_extensions() -> list[Extension]:
    """One extension for each .pyx of the core, in a stable order."""
    sanitizers = SANITIZERS if SANITIZE else []
    compile_args = [*(COMPILE_SANITIZE if SANITIZE else COMPILE_PLAIN), *sanitizers, *WARNINGS_OFF]
    return [
        Extension(
            name=".".join(source.with_suffix("").parts),
            sources=[str(source)],
            extra_compile_args=compile_args,
            extra_link_args=["-pthread", *sanitizers],
        )
        for source in sorted(Path("potstill/core").glob("*.pyx"))
    ]


def missing_tools() -> list[str]:
    """A sentence for each thing without which C cannot be compiled against this Python."""
    missing = []
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        missing.append(f"the C compiler '{compiler}' was not found (CC names another one)")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        missing.append(f"the C headers of {sys.executable} were not found ({header})")
    return missing


def explain(missing: list[str]) -> str:
    """What is missing and how to get it, on the systems where most people are."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return "\n".join(
        [
            "Potstill's core is compiled, and this machine cannot compile it yet:",
            *(f"  - {sentence}" for sentence in missing),
            "Install what is missing, then run the same command again:",
            f"  Debian, Ubuntu:  apt-get install build-essential python{version}-dev    (or python3-dev)",
            f"  Fedora, RHEL:    dnf install gcc python{version}-devel    (or python3-devel)",
            "  Alpine:          apk add build-base python3-dev",
        ]
    )


class BuildCore(build_ext):
    """Cython, then C, both on all processors; one build of a tree at a time."""

    def run(self) -> None:
        if missing := missing_tools():
            raise PlatformError(explain(missing))
        self.parallel = self.parallel or len(os.sched_getaffinity(0))
        # Two builds of one tree would write the same files: the second waits for the first.
        build_base = Path(self.get_finalized_command("build").build_base)
        if self.editable_mode:
            # Setuptools would compile in a temporary directory, and `build_ext --inplace` once more after it.
            platform = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
            self.build_temp, self.build_lib = (
                str(build_base / f"temp.{platform}"),
                str(build_base / f"lib.{platform}"),
            )
        build_base.mkdir(parents=True, exist_ok=True)
        with Path(build_base, ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            failed = self.cythonize(build_base / "cython")
            super().run()
        if failed:
            raise CompileError(f"Cython could not compile {', '.join(failed)}; its messages are above")

    def cythonize(self, directory: Path) -> list[str]:
        """Point every extension at its C file, made anew where it is stale. Returns the names that failed."""
        from Cython.Build import cythonize

        made = cythonize(
            self.extensions,
            build_dir=str(directory),
            nthreads=self.parallel,
            force=self.force or None,
            # One broken module must not keep the others from being built; run() reports it at the end.
            exclude_failures=True,
            compiler_directives=DIRECTIVES,
        )
        sources = {extension.name: extension.sources for extension in made}
        failed = [extension.name for extension in self.extensions if extension.name not in sources]
        self.extensions = [extension for extension in self.extensions if extension.name in sources]
        for extension in self.extensions:
            extension.sources = sources[extension.name]
            extension.depends = ["setup.py"]
        return failed

    def copy_file(self, infile: str, outfile: str, *args: Any, **options: Any) -> tuple[str, bool]:
        """Put a module beside its source in one step, so that no process ever finds half of one."""
        if os.path.exists(outfile) and os.path.getmtime(infile) == os.path.getmtime(outfile):
            return outfile, False
        temporary = f"{outfile}.{os.getpid()}"
        shutil.copy2(infile, temporary)
        os.replace(temporary, outfile)
        return outfile, True


setup(ext_modules=core_extensions(), cmdclass={"build_ext": BuildCore})
