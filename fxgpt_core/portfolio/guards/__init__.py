"""What an entry must pass before it is sent: settings, the situation, one small function for each guard, all of them in order.

Belongs here: rules on plain numbers, each of which denies with what was found, what is allowed and what to do. Does not: where
the numbers come from (live.guarding), and what is done to the account.
"""
