"""Reads OpenDRIVE maps (ASAM OpenDRIVE 1.4 to 1.7, ``.xodr``) into a road network.

A map is read leniently where a driver would not notice, and strictly where a road would be wrong.

===============================================================  ==========================================
error: :class:`~mmenvs.driving.roads.network.RoadError`          where
===============================================================  ==========================================
empty, cut off, no XML, no OpenDRIVE; a document type, entities  file
no road; no lane that can be driven on                           file
an id that is given twice; a road without id                     road, junction
no geometry, an unknown one, or one with a negative length       plan view
a number missing, not a number, not finite or beyond 1e9         what shapes a road: plan view, lane offset,
                                                                 lane section, lane id, width, border
geometries more than 10 m apart                                  plan view
a cubic half or twice as long as it states                       plan view
a road over 100 km; a geometry that turns 48 times round         plan view
an edge more than 500 m from the reference line                  lane
no lane section; one lane twice in a section                     road
===============================================================  ==========================================

===============================================================  ==========================================
warning: :class:`RoadWarning`                                    fallback
===============================================================  ==========================================
a geometry or a road without length                              left out
a stated s or length that differs from the sum of the lengths    the sum holds
geometries 0.2 to 10 m apart                                     built as they are
a section at or beyond the road's end; lane 0 beside the middle  left out
a lane without width, or always narrower than 0.6 m              left out
an unknown lane type                                             nothing is built there
a link to a road, junction or lane that is not there             left out
a connection of roads that are not there                         left out
linked lanes that meet head-on, or 1.5 m or 75 degrees off       not joined
a lane without link that meets another one                       joined
no contact point                                                 the nearer end
an unknown traffic rule; an unknown parameter range              right-hand traffic; normalized
an unknown road mark; an unknown ``laneChange``                  no paint; the mark's type decides
a speed limit that is not understood                             as if it were not there
a signal for no lane into a junction; a reference to no signal   left out
a signal that faces away from the only junction near             taken to face the other way
a crossing or parking space of impossible size                   left out
any other number that is none                                    its default
===============================================================  ==========================================

At most a hundred warnings are given for one file.  What the standard's terms become:

- **Lanes**: ``driving``, ``entry``, ``exit``, ``onRamp``, ``offRamp``, ``connectingRamp``, ``slipLane``,
  ``bidirectional`` (in the direction of its side only) and ``biking``.  A lane begins and ends where it is
  0.6 m wide; there, and where paint begins or ceases to forbid a lane change, all lanes of the section are
  cut, so that neighbours always lie side by side.
- **Asphalt**: these, and ``shoulder``, ``parking``, ``border``, ``stop``, ``median``, ``restricted``,
  ``bus``, ``tram`` and the like; a ``border`` beyond all other lanes and wider than 2 m is grass.
  **Pavement**: ``sidewalk``, ``walking``, ``curb``.  Gaps between the lanes of a junction are filled.
- **Lane changes**: by ``laneChange``, else by the type of the mark; no mark permits.
- **Limits**: the lane's, else the last speed limit sign (274) before the better half of the lane, else the
  road's, else the usual one of its type; in a junction that of the road before; else 13.9 m/s.
- **Right of way**: at the lanes by which a junction is entered: lights, stop signs (206), yield signs (205),
  ``<priority>``; else free.  :mod:`.programme` makes up the programmes of lights.
- Elevation, signals for people and bicycles, access rules, virtual junctions and scenery are left out.
"""

from __future__ import annotations

from mmenvs.driving.roads.opendrive.parse import RoadWarning
from mmenvs.driving.roads.opendrive.reader import read_opendrive

__all__ = ["RoadWarning", "read_opendrive"]
