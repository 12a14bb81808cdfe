module example

go 1.24

require example.org/ippoold/ippoold-go v0.0.0

replace example.org/ippoold/ippoold-go => ../../.sdk/go
