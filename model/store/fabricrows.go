package store

import "github.com/planck-sdn/planck/model"

type linkRow struct {
	Number model.Number `gorm:"primaryKey;autoIncrement"`
	NodeA  model.Number
	PortA  uint32
	NodeB  model.Number
	PortB  uint32
}

func (linkRow) TableName() string { return "links" }

const linkFields = "number, node_a, port_a, node_b, port_b"

func (r *linkRow) columns() []any {
	return []any{&r.Number, &r.NodeA, &r.PortA, &r.NodeB, &r.PortB}
}

func (r *linkRow) model() (*model.Link, error) {
	return &model.Link{Number: r.Number, A: model.LinkEnd{Node: r.NodeA, Port: r.PortA}, B: model.LinkEnd{Node: r.NodeB, Port: r.PortB}}, nil
}

type serviceRow struct {
	Number     model.Number `gorm:"primaryKey;autoIncrement"`
	PortNumber model.Number
	NodeNumber model.Number // 0: none
	Generation int64
}

func (serviceRow) TableName() string { return "services" }

const serviceFields = "number, port_number, node_number, generation"

func (r *serviceRow) columns() []any {
	return []any{&r.Number, &r.PortNumber, &r.NodeNumber, &r.Generation}
}

func (r *serviceRow) model() (*model.Service, error) {
	return &model.Service{Number: r.Number, Port: r.PortNumber, Node: r.NodeNumber, Generation: r.Generation}, nil
}
