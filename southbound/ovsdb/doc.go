// Package ovsdb attaches nodes. A node's ovsdb-server dials in; over that connection the package mirrors the
// Open_vSwitch database, hands out what it says as a [State], and makes and repairs the integration bridge, its tunnel
// port and its patch ports by transactions that do nothing when the mirror turns out to be stale.
//
// It knows OVSDB (RFC 7047, and monitor_cond and update2 of ovsdb-server(7)) and nothing of tenants.
//
// Calls are matched with their replies by cenkalti/rpc2, and what is sent is built from libovsdb's types. What is
// received is decoded here: rpc2's own JSON codec dereferences nil on a message without a method and an id, and
// libovsdb's decoders index empty arrays, so that a peer could end the process.
package ovsdb
