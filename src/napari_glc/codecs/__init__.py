"""One file per system behind one small protocol (:class:`~napari_glc.codecs.base.Codec`)."""
