// Package nodes attaches machines with Open vSwitch: over OVSDB it gives them their set-up and takes their
// reports, and it brings each node's OpenFlow session to the node's switch.
package nodes
