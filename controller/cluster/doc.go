// Package cluster is what replicas of the controller share through the database: the topology, which each follows by the
// journal, and the mastership of switches.
package cluster
