"""How the accounts of a job stood when they were chosen: who was changed since is told (GO-08)."""

import hashlib
import json
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from accounts.models.account import Account
from accounts.models.job import Job
from accounts.pages.versions import since

_SEEN = (
    *("address", "full_name", "kind", "unit_id", "is_active", "locked_at", "has_default_password"),
    *("default_password_until", "password_changed_at", "phone_changed_at", "phone_confirmed_at"),
)


def version_of(account: Account) -> str:
    """Name how an account stands: another name where anything of it was changed."""
    seen = json.dumps([str(getattr(account, name)) for name in _SEEN])
    return hashlib.blake2s(seen.encode(), digest_size=Job.MARK // 2).hexdigest()


def words_of(account: Account) -> str:
    """Say how an account stands now, as far as work on many touches it."""
    words = (
        _("đang sử dụng") if account.is_active else _("ngừng sử dụng"),
        since(_("bị khóa từ %(at)s"), account.locked_at),
        _("còn mật khẩu mặc định") if account.has_default_password else "",
        since(_("đổi mật khẩu lúc %(at)s"), account.password_changed_at),
    )
    return ", ".join(filter(None, words))


def changed_since(job: Job, people: Iterable[Account], start: int = 0) -> Iterator[Account]:
    """Give those of `people` who are not as they were when they were chosen.

    `start` is the place of the job's accounts from which on they are looked for.
    """
    seen = dict(zip(job.accounts[start:], (job.seen or [])[start:], strict=False))
    for account in people:
        version = version_of(account)
        if seen.get(account.pk, version) != version:
            yield account


def see_again(job: Job, changed: Iterable[Account]) -> None:
    """Keep that those who were changed were shown as they are now."""
    places = {key: place for place, key in enumerate(job.accounts)}
    seen = list(job.seen or [])
    for account in changed:
        seen[places[account.pk]] = version_of(account)
    job.seen = seen
    job.save(update_fields=["seen"])
