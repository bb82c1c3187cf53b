package pipeline

import "github.com/planck-sdn/planck/model/flow"

// Step is what an entry does with a packet: an action, or one of the instructions below.
type Step any

type writeMetadata struct{ value, mask uint64 }
type gotoTable struct{ table *Table }
type meter struct{ id uint32 }

// Goto goes on in another table.
func Goto(t *Table) Step { return gotoTable{t} }

// Metered drops the packet above the meter's rate, before all else.
func Metered(id uint32) Step { return meter{id} }

// ToController sends the whole packet up.
func ToController() Step { return flow.Output{Port: flow.PortController, MaxLen: 0xffff} }

// Set writes a whole field.
func Set(f flow.Field, v uint64) Step { return flow.SetField{Field: f, Value: v, Mask: f.AllOnes()} }
