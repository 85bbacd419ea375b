"""napari's hooks, free of Qt: reader, writer, sample data, preferences."""
