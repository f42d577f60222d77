"""Carriers of messages: SMS suppliers, the mail server's SMTP, and Dovecot's doveadm."""
