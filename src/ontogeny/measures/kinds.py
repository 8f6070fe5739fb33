"""Changes of a representation that measures may ignore, and nulls that may say something. Each change is applied by a generated test."""

#: (n, d) → (n, d): units in another order; some with the other sign; turned; × 3.
PERMUTATION, SIGN, ROTATION, SCALE = "permutation", "sign_flip", "orthogonal", "isotropic_scale"
#: A vector added to every sample; every unit × a positive number; units mixed by an invertible map.
TRANSLATION, UNIT_SCALE, INVERTIBLE = "translation", "unit_scale", "invertible_linear"
#: Every sample × a positive number; a number added to all units of a sample.
SAMPLE_SCALE, SAMPLE_OFFSET = "sample_scale", "sample_offset"

ORTHOGONAL = (PERMUTATION, SIGN, ROTATION)
SHAPE = (*ORTHOGONAL, SCALE, TRANSLATION)
LINEAR = (*ORTHOGONAL, SCALE, UNIT_SCALE, INVERTIBLE)
AFFINE = (*LINEAR, TRANSLATION)

#: Samples of one side in another order; a Gaussian matrix of the same shape; untrained models; random subsets of units, matched anew.
ROW_SHUFFLE, RANDOM, UNTRAINED, REMATCHED = "row_shuffle", "random", "reinitialised", "rematched"
OF_SAMPLES = (ROW_SHUFFLE, RANDOM, UNTRAINED)
