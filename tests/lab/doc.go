// Package lab makes clouds out of network namespaces: nodes with Open vSwitch (the userspace datapath, so no kernel
// module is needed), VMs plugged into them, an underlay between the nodes, provider networks beside it, and a
// namespace for the controller. Everything that a lab makes lives in namespaces and in one directory of its own:
// nothing appears in the host's network, several labs run side by side with equal addresses, and Close takes all of
// it away. A lab whose owner was killed is taken away by the next New, or by Cleanup.
//
// A lab needs root, and Debian's openvswitch-switch, iproute2, ethtool, iputils-ping, tcpdump, udhcpc and
// isc-dhcp-client.
//
// What is made, and how it is called inside (the first part of a namespace's name is that of the lab's directory):
//
//	pk42-ctl       the controller: bridge mgmt, 198.18.0.1/16
//	pk42-wire      bridge underlay between the nodes; one bridge for each physical network
//	pk42-compute1  a node: mgmt to the controller; eth0 in br-phy, which holds the encapsulation address;
//	               ph0, ph1... in the bridges of its mappings (but for br-phy); the host's ends of VMs' interfaces: vm1, vm2...
//	pk42-leaf1     a physical switch: mgmt to the controller; its ports eth1, eth2... in br0
//	pk42-vm1       a VM, or a bare-metal server: eth0
package lab
