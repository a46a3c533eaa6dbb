// Adds a frame's band to the fused picture's: twin of src/cpu/fuse.rs.

struct Params {
    // Of the sum.
    size: vec2<u32>,
    // Row of the band that is row 0 of the sum; even.
    skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var<storage, read_write> sum: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> band: array<vec4<f32>>;
@group(0) @binding(3) var weight: texture_2d<f32>;

// Pairs of rows that an invocation adds: between their weights those of the coarser grid lie, which slide through its registers.
const ROWS: u32 = 4u;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let skip = params.skip;
    let top = id.y * ROWS;
    let end = min(top + ROWS, (size.y + 1u) / 2u);
    if 2u * id.x >= size.x || top >= end {
        return;
    }
    let last = vec2<i32>(textureDimensions(weight)) - 1;
    var here = weights(id.x, top + skip / 2u, last);
    for (var y = top; y < end; y++) {
        let after = weights(id.x, y + skip / 2u + 1u, last);
        let between = (here + after) * 0.5;
        let corner = vec2<u32>(2u * id.x, 2u * y);
        add(corner, here.x, size, skip);
        add(corner + vec2<u32>(1u, 0u), here.y, size, skip);
        add(corner + vec2<u32>(0u, 1u), between.x, size, skip);
        add(corner + vec2<u32>(1u, 1u), between.y, size, skip);
        here = after;
    }
}

// The weight of column `x` of the coarser grid, and that between it and the next.
fn weights(x: u32, y: u32, last: vec2<i32>) -> vec2<f32> {
    let row = min(i32(y), last.y);
    let own = textureLoad(weight, vec2<i32>(i32(x), row), 0).x;
    return vec2<f32>(own, (own + textureLoad(weight, vec2<i32>(min(i32(x) + 1, last.x), row), 0).x) * 0.5);
}

fn add(at: vec2<u32>, share: f32, size: vec2<u32>, skip: u32) {
    if any(at >= size) {
        return;
    }
    let color = band[index(at + vec2<u32>(0u, skip), size.x)].xyz;
    sum[index(at, size.x)] += share * vec4<f32>(color, 1.0);
}

// The pyramid's base, whose weights lie on its own grid.
@compute @workgroup_size(TILE_X, TILE_Y)
fn base(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    add(id.xy, textureLoad(weight, id.xy, 0).x, params.size, 0u);
}
