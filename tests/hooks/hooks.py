"""Webhooks of the tests, and who is told."""

from ipaddress import ip_network

from django.test import override_settings

from accounts.credentials import locks
from accounts.hooks import rules
from accounts.hooks.sending import Webhooks
from accounts.models import Account, Hook, HookMessage
from tests.api.programs import Programs
from tests.hooks.receiver import Receiver

LOOPBACK = [ip_network("127.0.0.0/8")]
ALL = list(Hook.Event.values)


class Hooks(Programs):
    """A mixin: one receiver, and a webhook that tells it everything."""

    def set_up_hooks(self, **changes):
        self.set_up_programs()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.enterContext(override_settings(WEBHOOK_NETWORKS=LOOPBACK))
        self.hook = self.make(**changes)

    def make(self, name="Quản lý cán bộ", *, receiver=None, **changes):
        receiver = receiver or self.receiver
        fields = {"url": receiver.address, "events": ALL, "unit": None, "by": self.huong}
        made = rules.make(name=name, **(fields | changes))
        receiver.secret = made.secret
        return made.row

    def lock(self, account):
        locks.lock(Account.objects.get(pk=account.pk), actor=self.huong)

    def unlock(self, account):
        locks.unlock(Account.objects.get(pk=account.pk), actor=self.huong)

    def send(self):
        Webhooks.drain()

    def stored(self):
        return list(HookMessage.objects.order_by("pk"))

    def now(self):
        """Give the webhook as it is now."""
        self.hook.refresh_from_db()
        return self.hook
