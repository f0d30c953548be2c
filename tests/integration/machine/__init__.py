"""The state machine of the spine: a world with its model, the actors in it, and faults. Start reading in world."""
