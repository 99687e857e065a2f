"""temporary"""
from __future__ import annotations
import numpy as np
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.generator import _reference_line, generate_road
from mmenvs.driving.roads.raster import rasterise
from mmenvs.driving.roads.compiled import compile_network
from mmenvs.driving.roads.routes import find_route
def compile_map(config, seed):
    road = generate_road(config, seed)
    ref = road.reference.astype(float)
    lanes=[]
    n=config.lanes; m=config.oncoming_lanes
    for k,(o,d) in enumerate(zip(road.lane_offsets, road.lane_directions)):
        pts=ref[:,:2]+np.stack([-ref[:,3],ref[:,2]],1)*o
        if d<0: pts=pts[::-1]
        c,l=net.centre_line(pts,config.lane_width)
        if d>0:
            left=k+1 if k+1<n else -1; right=k-1
            opp=n if k==n-1 and m else -1
        else:
            left=k-1 if k>n else -1; right=k+1 if k+1<n+m else -1
            opp=n-1 if k==n else -1
        lanes.append(net.Lane(c,l,config.speed_limit,(),left,right,opp))
    left=ref[:,:2]+np.stack([-ref[:,3],ref[:,2]],1)*road.left_edge
    right=ref[:,:2]+np.stack([-ref[:,3],ref[:,2]],1)*road.right_edge
    nw=net.Network(tuple(lanes),(net.Area(net.ASPHALT,np.concatenate([left,right[::-1]])),),scenery=road.scenery)
    way=find_route(nw,n//2,[n//2])
    return compile_network(nw,rasterise(road),[way])
