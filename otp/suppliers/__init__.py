"""Those who carry messages, each in its own protocol: SMS suppliers, and Dovecot's doveadm."""
