"""What the customer reads about a claim: the timeline, its sentences, the decision explained."""
