package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// bindings declares a port's places on hosts: an active one, and those where a live migration may go (Neutron API reference,
// "Port binding"; extension binding-extended).
func bindings() *Resource[store.PortBinding] {
	type binding = store.PortBinding
	return &Resource[binding]{
		Name: "binding", Collection: "bindings", Title: "PortBinding",
		Create: Service, Read: Service, Update: Service, Delete: Service,
		ID: func(b *binding) string { return b.HostID },
		Attributes: []Attribute[binding]{
			{Name: "host", Value: of(hostName, func(b *binding) *string { return &b.HostID }),
				Post: Service, Put: Service, Get: Anyone, Required: true, Filter: true, Sort: true},
			{Name: "vif_type", Value: computed(text, func(b *binding) string { return b.VIFType }), Get: Anyone, Filter: true, Sort: true},
			{Name: "vif_details", Value: computed(object, func(b *binding) map[string]any { return vifDetails(b.VIFType, b.DatapathType, b.Reason) }), Get: Anyone},
			{Name: "vnic_type", Value: of(text, func(b *binding) *string { return &b.VNICType }),
				Post: Service, Put: Service, Get: Anyone, Default: model.VNICTypeNormal, Filter: true, Sort: true},
			{Name: "profile", Value: of(object, func(b *binding) *map[string]any { return &b.Profile }),
				Post: Service, Put: Service, Get: Anyone},
			{Name: "status", Value: computed(text, bindingStatus), Get: Anyone, Filter: true, Sort: true},
		},
	}
}

func bindingStatus(b *store.PortBinding) string {
	if b.Active {
		return "ACTIVE"
	}
	return "INACTIVE"
}

// hostName is a text that is not empty.
var hostName = Type[string]{
	Parse: func(j any) (string, error) {
		s, err := text.Parse(j)
		if err == nil && s == "" {
			err = because("'%s' Blank strings are not permitted", show(j))
		}
		return s, err
	},
	Append: appendString,
	Schema: schema{"type": "string", "minLength": 1, "maxLength": maxText},
}

func (b backend) bindings(r *Resource[store.PortBinding], port string) Operations[store.PortBinding] {
	type binding = store.PortBinding
	all := func(ctx context.Context) ([]*binding, error) {
		rows, err := b.Bindings(ctx, port)
		list := make([]*binding, len(rows))
		for i := range rows {
			list[i] = &rows[i]
		}
		return list, err
	}
	return Operations[binding]{
		Create: func(ctx context.Context, drafts []draft[binding]) error {
			if len(drafts) != 1 {
				return badRequest("Bulk operation not supported")
			}
			made, err := b.CreateBinding(ctx, port, drafts[0].object.Binding)
			if err == nil {
				*drafts[0].object = *made
			}
			return err
		},
		Get: func(ctx context.Context, host string) (*binding, error) {
			list, err := all(ctx)
			for _, one := range list {
				if one.HostID == host {
					return one, nil
				}
			}
			if err == nil {
				err = model.Errorf(http.StatusNotFound, "PortBindingNotFound", "Binding for port %s for host %s could not be found.", port, show(host))
			}
			return nil, err
		},
		List: func(ctx context.Context, q store.Query) ([]*binding, error) {
			list, err := all(ctx)
			if err != nil {
				return nil, err
			}
			return inMemory(r, list, q)
		},
		Update: func(ctx context.Context, host string, change func(*binding) error) (*binding, error) {
			return b.UpdateBinding(ctx, port, host, func(row *model.Binding) error {
				one := binding{Binding: *row}
				err := change(&one)
				*row = one.Binding
				return err
			})
		},
		Delete: func(ctx context.Context, host string) error { return b.DeleteBinding(ctx, port, host) },
	}
}

// serveBindings adds the bindings under their ports, and what makes one of them the active one.
func serveBindings(routes gin.IRoutes, b backend, d *description, log *zap.Logger) {
	r := bindings()
	c := serveIn(routes, "ports", b, r, func(port string) Operations[store.PortBinding] { return b.bindings(r, port) }, d, log)
	routes.PUT("/ports/:id/bindings/:key/activate", c.handle("key", func(r *request) (int, []byte, error) {
		if err := c.authorize(r, said[store.PortBinding]{method: http.MethodPut}); err != nil {
			return 0, nil, err
		}
		active, err := b.ActivateBinding(r.ctx, r.parent, r.id)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, c.one(r, active, nil), nil
	}))
	d.path("/ports/{id}/bindings/{key}/activate")["put"] = operation("activatePortBinding",
		[]schema{pathParameter("id"), pathParameter("key")}, nil, "200", wrapped("binding", reference("PortBinding")))
}
