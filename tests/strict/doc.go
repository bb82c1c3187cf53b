// Package strict is a physical OpenFlow 1.3 switch for tests: the switch in memory of model/flow behind a real connection to a controller. It refuses what
// OpenFlow 1.3.5 or its own table features do not allow, with the error that the specification names. Of what the specification leaves to the
// switch it has as little as it may: no experimenters, no buffers, no write-actions, no queues, no port but its own and IN_PORT, CONTROLLER and
// (for packet-outs) TABLE.
//
// It reads messages by itself, and not by southbound/openflow, so that the two check each other. A Fabric joins several by wires.
package strict
