//! What is seen: the only part of the program that prints.
