// Package model holds what a tenant's network is: the entities of Quantum v2.0 with Neutron's present
// attributes, the rules that make them valid, and the nodes that carry them. It knows nothing of HTTP, SQL,
// OpenFlow or goroutines.
package model
