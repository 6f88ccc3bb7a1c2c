"""What a network takes in: front ends, their normalisation, the 100 ms grid, and the recogniser's features of samples.
Uses ``kaldi``; used by training, detection and drawing."""
