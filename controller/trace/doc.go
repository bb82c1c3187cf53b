// Package trace follows a packet through the flow tables of a cloud, from switch to switch, and says in words what becomes of it. It is
// a pure function of the topology and of the tables.
package trace
