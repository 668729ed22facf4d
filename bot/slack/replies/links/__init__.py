"""What in an answer may be clicked, and how all the rest is made dead: addresses, the policy, live markup."""
