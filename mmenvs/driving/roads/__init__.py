"""Roads: geometry, rasters, and the library that shares them."""
