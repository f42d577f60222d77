"""What is counted and what leaves the portal: limits, one-time codes, SMS, mail, ends of sessions.

It knows no account: it is told who asked (a string) and where to send (a number, or none for a
decoy), and answers with a handle and a verdict.
"""
