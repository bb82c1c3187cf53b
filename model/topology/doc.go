// Package topology is the in-memory view of what the database says: networks, subnets, ports, nodes, routers, floating IPs and security
// groups, with the indexes that rendering needs. A View never changes; Apply gives the next one, which shares all that did not
// change, and the units that the change touches.
package topology
