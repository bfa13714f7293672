"""The version: a literal, which the build reads, since asking the installed package costs every start 40 ms."""

VERSION = "0.1.0"
