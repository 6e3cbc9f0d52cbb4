"""From anybody's SavedModel and a description of it to a version that is served like ours."""
