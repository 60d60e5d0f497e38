//! Bytes to named arrays and back: IDX, npy, npz, HDF5, Keras archives, PNG. Knows no model.
