"""The embedded model server: TensorFlow Serving's protocol over SavedModels, without a container."""
