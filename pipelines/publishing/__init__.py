"""From a trained model to one that serves: judged, moved into the repository, labelled."""
