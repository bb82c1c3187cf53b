package topology

import (
	"slices"

	"github.com/planck-sdn/planck/model"
)

// BareMetal visits the ports of bare metal in order of number, wherever they are bound and whether they are.
func (v *View) BareMetal(visit func(*model.Port)) {
	v.bareMetal.all(func(n model.Number, _ struct{}) bool { visit(v.Port(n)); return true })
}

// ServicePorts lists the routers' interfaces on networks that have bare metal, in order of number: some node has to route there for what
// cannot do it itself.
func (v *View) ServicePorts() []model.Number {
	seen := map[model.Number]bool{}
	var list []model.Number
	v.BareMetal(func(p *model.Port) {
		at, attached := v.Location(p.Number)
		if !attached || seen[at.Network] {
			return
		}
		seen[at.Network] = true
		for _, interfacePort := range v.portsIn(v.interfacesOn, v.Network(at.Network).ID) {
			list = append(list, interfacePort.Number)
		}
	})
	slices.Sort(list)
	return list
}
