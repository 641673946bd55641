"""Where attacks are let loose: on a session of their own, as root or not, with some layers taken away.

corpus    reads the attacks and their headers
prepare   puts an attack and its surroundings into a folder
ordinary  becomes an ordinary user who sees the interpreter, wherever that is installed
bystander what an attack aims at: another process, sockets that listen, files that nobody may change
session   one session in a process of its own; its result is a file
naive     a harness as simple as most, which the attacks on the wall beat
plan      which sessions there are, and running them side by side
"""
