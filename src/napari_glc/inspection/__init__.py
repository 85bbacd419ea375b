"""Looking into codecs: what the dock widgets show, for use without napari."""
