"""The sender as the operator runs it, with a line to an operator's centre: begun, shared, ended."""

import signal

from otp.outbox.sender import LANES
from tests.outbox.test_sender_process import SenderTests, State
from tests.support.programs import smsc
from tests.support.waiting import wait_for


class _Line(smsc.Centre):
    def environment(self, address=""):
        return self.variables()


class LineTests(SenderTests):
    def setUp(self):
        self.supplier = self.centre = _Line()
        self.addCleanup(self.centre.close)

    def test_it_binds_before_there_is_a_message_and_unbinds_when_it_is_told_to_stop(self):
        sender = self.start_and_wait()
        line = self.centre.connection

        sender.send_signal(signal.SIGTERM)

        self.assert_ends_well(sender)
        wait_for(lambda: line.ended_well, "the unbind")

    def test_what_is_on_its_way_is_answered_before_it_unbinds(self):
        sender = self.start_and_wait()
        self.centre.plan = [smsc.hold]
        self.queue_many(1)
        self.wait_until_given()

        sender.send_signal(signal.SIGTERM)
        self.wait_for_words("sender: stopping", sender)
        self.centre.released.set()

        self.assert_ends_well(sender)
        wait_for(lambda: self.centre.connections[0].ended_well, "the unbind")
        self.wait_for_states(accepted=1)

    def test_all_lanes_share_one_line_on_which_reports_come_in(self):
        def accept_and_report(connection, message):
            smsc.accept(connection, message)
            connection.report(smsc.deliver(smsc.in_words(message["id"])))

        sender = self.start_and_wait()
        self.centre.plan = [accept_and_report] * LANES

        self.queue_many(LANES)

        self.wait_for_states(delivered=LANES)
        # A report is answered after its entry stands.
        wait_for(lambda: len(self.centre.answers) == LANES, "the answers to all reports")
        self.assertEqual(len(self.centre.binds), 1)
        self.assertEqual(len({each["to"] for each in self.centre.texts}), LANES)
        self.assertEqual(len(self.centre.texts), LANES)
        for secret in (smsc.PASSWORD, "Ma xac thuc", self.centre.texts[0]["to"][2:]):
            self.assertNotIn(secret, self.log_of(sender))

    def test_a_line_that_is_cut_under_load_sends_nothing_twice(self):
        self.start_and_wait()
        self.centre.plan = [smsc.accept] * 5 + [smsc.cut_before] + [smsc.accept] * 5
        self.centre.plan += [smsc.cut_after]

        self.queue_many(LANES)

        wait_for(self.is_over, "the end of all", log=self.told)
        numbers = [each["to"] for each in self.centre.texts]
        self.assertEqual(sorted(numbers), sorted(set(numbers)))
        self.assertEqual(self.states().keys() - {State.ACCEPTED, State.UNKNOWN}, set())
        self.assertGreater(self.states()[State.UNKNOWN], 0)
        # What comes next goes by a new line.
        self.centre.plan.clear()
        self.wait_for_state(self.queue("binh@example.vn"), State.ACCEPTED)
        self.assertGreater(len(self.centre.binds), 1)

    def test_killed_between_the_centres_yes_and_its_entry_it_is_never_sent_again(self):
        sender = self.start_and_wait()
        self.centre.plan = [smsc.hold]
        message = self.queue()
        self.wait_until_given()

        sender.kill()
        sender.wait()
        self.start_and_wait()
        self.queue("binh@example.vn", to="+84912466982")

        wait_for(lambda: len(self.centre.texts) == 2, "the other message")
        self.assertEqual(self.state_of(message), State.SENDING)
        self.assertEqual(len({each["to"] for each in self.centre.texts}), 2)

    def test_once_is_enough_for_what_is_due_and_unbinds(self):
        self.queue_many(3)

        self.assert_ends_well(self.start("--once"))

        self.wait_for_states(accepted=3)
        wait_for(lambda: self.centre.connections[0].ended_well, "the unbind")
