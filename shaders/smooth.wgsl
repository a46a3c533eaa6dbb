// Smooths a plane by a binomial: twin of src/cpu/smooth.rs. Eight rows of a column to an invocation.

struct Params {
    size: vec2<u32>,
    offset: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var smoothed: texture_storage_2d<r32float, write>;

// Rows that an invocation makes.
const ROWS: u32 = 8u;

fn row(x: i32, y: i32, last: vec2<i32>) -> f32 {
    let line = clamp(y, 0, last.y);
    let outer = textureLoad(plane, vec2<i32>(max(x - 2, 0), line), 0).x
        + textureLoad(plane, vec2<i32>(min(x + 2, last.x), line), 0).x;
    let inner = textureLoad(plane, vec2<i32>(max(x - 1, 0), line), 0).x
        + textureLoad(plane, vec2<i32>(min(x + 1, last.x), line), 0).x;
    return (outer + 4.0 * inner + 6.0 * textureLoad(plane, vec2<i32>(x, line), 0).x) * (1.0 / 16.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let offset = params.offset;
    let top = id.y * ROWS;
    if id.x >= size.x || top >= size.y {
        return;
    }
    let x = i32(id.x);
    let last = vec2<i32>(size) - 1;
    var a = row(x, i32(top) - 2, last);
    var b = row(x, i32(top) - 1, last);
    var c = row(x, i32(top), last);
    var d = row(x, i32(top) + 1, last);
    for (var y = top; y < min(top + ROWS, size.y); y++) {
        let e = row(x, i32(y) + 2, last);
        let value = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0) + offset;
        textureStore(smoothed, vec2<u32>(id.x, y), vec4<f32>(value, 0.0, 0.0, 0.0));
        a = b;
        b = c;
        c = d;
        d = e;
    }
}
