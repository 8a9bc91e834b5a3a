"""Small game trees in Gambit's extensive form, built so that searches that guess what is hidden provably err."""
