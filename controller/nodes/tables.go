package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// tableAsker is the part of a session that tables are settled with.
type tableAsker interface {
	TableFeatures(ctx context.Context, want []flow.TableFeatures, form tablefeatures.Form) ([]flow.TableFeatures, error)
}

// settleTables finds out what a switch's tables can hold, and has them made as the pipeline needs them if its driver says that they can be. Tables
// that are so already are left alone: a switch that makes tables empties them. A switch that does not know the question promises nothing.
func settleTables(ctx context.Context, s tableAsker, d *pipeline.Driver) ([]model.TableLimits, error) {
	form := tablefeatures.Form{FieldIDs: d.FieldIDs, Required: d.RequiredProperties}
	has, err := s.TableFeatures(ctx, nil, form)
	if errors.Is(err, openflow.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("table features: %w", err)
	}
	limits, unfit := pipeline.Fits(d, has)
	if !d.NegotiateTables || unfit == nil && madeFor(d, has) {
		return limits, inWords(unfit)
	}
	made, err := s.TableFeatures(ctx, wanted(d, has), form)
	var refusal openflow.Error
	switch {
	case errors.As(err, &refusal) && unfit == nil:
		return limits, nil // it keeps what it has, and that will do
	case errors.As(err, &refusal):
		return nil, fmt.Errorf("%w: %v, and it does not take other tables: %v", errUnfit, unfit, refusal)
	case err != nil:
		return nil, fmt.Errorf("table features: %w", err)
	}
	limits, unfit = pipeline.Fits(d, made)
	return limits, inWords(unfit)
}

func inWords(unfit error) error {
	if unfit == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", errUnfit, unfit)
}

// madeFor tells whether a switch's tables have the names that they are asked for under.
func madeFor(d *pipeline.Driver, has []flow.TableFeatures) bool {
	for _, want := range pipeline.Wanted(d) {
		if !slices.ContainsFunc(has, func(f flow.TableFeatures) bool { return f.ID == want.ID && f.Name == want.Name }) {
			return false
		}
	}
	return true
}

// wanted are the tables to ask for, none larger than the switch says that it can be. Of a switch whose ids are fixed, those that it has and that
// are not used stay as they are.
func wanted(d *pipeline.Driver, has []flow.TableFeatures) []flow.TableFeatures {
	list := pipeline.Wanted(d)
	for i := range list {
		for _, f := range has {
			if f.ID == list[i].ID && f.MaxEntries > 0 {
				list[i].MaxEntries = min(list[i].MaxEntries, f.MaxEntries)
			}
		}
	}
	if !d.StaticTables {
		return list
	}
	for _, f := range has {
		if !slices.ContainsFunc(list, func(x flow.TableFeatures) bool { return x.ID == f.ID }) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b flow.TableFeatures) int { return int(a.ID) - int(b.ID) })
	return list
}
