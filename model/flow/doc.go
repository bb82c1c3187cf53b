// Package flow holds OpenFlow 1.3 flow entries, groups and meters as values, their canonical form, their text in
// ovs-ofctl syntax, and a switch in memory that executes them. It sends nothing and knows no tenants: southbound
// turns these values into messages and back, apps make them.
package flow
