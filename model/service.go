package model

// Service says which node routes for the bare metal of a network: the router's MAC address is found there by all that hangs on physical
// switches. (VMs are routed on their own nodes.)
type Service struct {
	Number     Number
	Port       Number // the router's interface in that network
	Node       Number // 0: no node can
	Generation int64  // rises with each move, so that two that decide at once do not both
}
