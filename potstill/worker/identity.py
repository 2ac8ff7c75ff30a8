"""Who this process is: its user and group, its umask, and what `ps` shows it as."""

from __future__ import annotations

import grp
import os
import pwd


class IdentityError(Exception):
    """This process cannot be what it was told to be; the text says what to do."""


def become(user: str, group: str) -> None:
    """Be that user and group from now on, for good; no names: stay who we are.

    To be called when the sockets are open and before any code of the application runs. Raises IdentityError
    for names that do not exist, and when this process may not change who it is.
    """
    if not user and not group:
        return
    uid, gid, name = whom(user, group)
    if (uid, gid) == (os.getuid(), os.getgid()) == (os.geteuid(), os.getegid()):
        return
    try:
        if os.geteuid() == 0:
            os.initgroups(name or pwd.getpwuid(uid).pw_name, gid)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except (PermissionError, KeyError) as error:
        raise not_allowed(uid, gid, error) from error


def check(user: str, group: str) -> None:
    """Raises IdentityError where `become` would, and changes nothing."""
    if not user and not group:
        return
    uid, gid, _ = whom(user, group)
    if os.geteuid() != 0 and (uid, gid) != (os.getuid(), os.getgid()):
        raise not_allowed(uid, gid, "Operation not permitted")


def whom(user: str, group: str) -> tuple[int, int, str]:
    """(user, group, the user's name if one was given) in numbers; what is not given stays as it is."""
    account = find_user(user) if user else None
    gid = find_group(group) if group else account.pw_gid if account else os.getgid()
    return account.pw_uid if account else os.getuid(), gid, account.pw_name if account else ""


def not_allowed(uid: int, gid: int, why: object) -> IdentityError:
    return IdentityError(
        f"cannot become user {uid} and group {gid} ({why}): only root may; start as root, "
        "or leave --user and --group out and let the init system choose who runs this"
    )


def find_user(user: str) -> pwd.struct_passwd:
    """The account of a name or a number."""
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise IdentityError(
            f"--user {user}: this machine has no such user (`getent passwd` lists them)"
        ) from None


def find_group(group: str) -> int:
    """The number of a group."""
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise IdentityError(
            f"--group {group}: this machine has no such group (`getent group` lists them)"
        ) from None


def give_away(paths: list[str], user: str, group: str) -> None:
    """Make files, of unix sockets, the user's and the group's; only root can, and others need not."""
    if os.geteuid() != 0 or not (user or group):
        return
    account = find_user(user) if user else None
    gid = find_group(group) if group else account.pw_gid if account else -1
    for path in paths:
        os.chown(path, account.pw_uid if account else -1, gid)


def set_title(proc_name: str, role: str) -> None:
    """Show this process as `shop: worker 2`. Raises IdentityError where setproctitle is not installed."""
    if not proc_name:
        return
    try:
        from setproctitle import setproctitle
    except ImportError:
        raise IdentityError(
            "--proc-name needs setproctitle, which `pip install potstill[fast]` brings"
        ) from None
    setproctitle(f"{proc_name}: {role}" if role else proc_name)
