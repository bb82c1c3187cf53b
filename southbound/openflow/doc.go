// Package openflow holds OpenFlow 1.3 sessions with switches. It turns the values of model/flow into messages and
// back; no type of the wire leaves it.
//
// Connections, requests and the encoding of base messages are netrack/openflow's. Everything that a switch sends is decoded here, as that library loses
// lists without an error, panics on one action and splits masked experimenter fields at the wrong place. Flow-mods
// and group-mods, which go out by the ten thousand, are encoded here too: with netrack one took eight times as long and 114
// allocations instead of 5, of which none are for the encoding itself (BenchmarkAppendFlowMod, BenchmarkNetrackFlowMod).
package openflow
