// Halves a plane for the pyramid: twin of src/cpu/shrink.rs. The fourth channel of a plane of four is 1.
//
// An invocation makes eight rows of two columns: rows slide through registers, so that a pixel of the result costs 8
// loads instead of 25.

struct Params {
    // Of the result.
    size: vec2<u32>,
    // Of the plane.
    source: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> plane: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> half: array<vec4<f32>>;
@group(0) @binding(3) var gray_plane: texture_2d<f32>;
@group(0) @binding(4) var half_gray: texture_storage_2d<r32float, write>;

// Rows that an invocation makes.
const ROWS: u32 = 8u;

// Two pixels of a row smoothed across, of the columns x and x + 2.
struct Pair {
    left: vec3<f32>,
    right: vec3<f32>,
}

// Columns of `plane` that both pixels look at.
struct Columns {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    e: u32,
    f: u32,
    g: u32,
}

fn row(x: Columns, y: i32, source: vec2<u32>) -> Pair {
    let start = index(vec2<u32>(0u, u32(clamp(y, 0, i32(source.y) - 1))), source.x);
    let b = plane[start + x.b].xyz;
    let c = plane[start + x.c].xyz;
    let d = plane[start + x.d].xyz;
    let e = plane[start + x.e].xyz;
    let f = plane[start + x.f].xyz;
    return Pair(
        (plane[start + x.a].xyz + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0),
        (c + 4.0 * d + 6.0 * e + 4.0 * f + plane[start + x.g].xyz) * (1.0 / 16.0),
    );
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let source = params.source;
    let top = id.y * ROWS;
    let left = id.x * 2u;
    if left >= size.x || top >= size.y {
        return;
    }
    let last = source.x - 1u;
    let x = 2u * left;
    let columns = Columns(
        max(x, 2u) - 2u,
        max(x, 1u) - 1u,
        x,
        min(x + 1u, last),
        min(x + 2u, last),
        min(x + 3u, last),
        min(x + 4u, last),
    );
    var a = row(columns, 2 * i32(top) - 2, source);
    var b = row(columns, 2 * i32(top) - 1, source);
    var c = row(columns, 2 * i32(top), source);
    for (var y = top; y < min(top + ROWS, size.y); y++) {
        let d = row(columns, 2 * i32(y) + 1, source);
        let e = row(columns, 2 * i32(y) + 2, source);
        let place = index(vec2<u32>(left, y), size.x);
        let first = (a.left + 4.0 * b.left + 6.0 * c.left + 4.0 * d.left + e.left) * (1.0 / 16.0);
        half[place] = vec4<f32>(first, 1.0);
        if left + 1u < size.x {
            let second = (a.right + 4.0 * b.right + 6.0 * c.right + 4.0 * d.right + e.right) * (1.0 / 16.0);
            half[place + 1u] = vec4<f32>(second, 1.0);
        }
        a = c;
        b = d;
        c = e;
    }
}

fn value(x: i32, y: i32) -> f32 {
    return clamped(gray_plane, vec2<i32>(x, y)).x;
}

fn gray_row(x: i32, y: i32) -> vec2<f32> {
    let c = value(x, y);
    let d = value(x + 1, y);
    let e = value(x + 2, y);
    return vec2<f32>(
        value(x - 2, y) + 4.0 * value(x - 1, y) + 6.0 * c + 4.0 * d + e,
        c + 4.0 * d + 6.0 * e + 4.0 * value(x + 3, y) + value(x + 4, y),
    ) * (1.0 / 16.0);
}

// A plane of one channel.
@compute @workgroup_size(TILE_X, TILE_Y)
fn gray(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let top = id.y * ROWS;
    let left = id.x * 2u;
    if left >= size.x || top >= size.y {
        return;
    }
    let x = 2 * i32(left);
    var a = gray_row(x, 2 * i32(top) - 2);
    var b = gray_row(x, 2 * i32(top) - 1);
    var c = gray_row(x, 2 * i32(top));
    for (var y = top; y < min(top + ROWS, size.y); y++) {
        let d = gray_row(x, 2 * i32(y) + 1);
        let e = gray_row(x, 2 * i32(y) + 2);
        let values = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0);
        textureStore(half_gray, vec2<u32>(left, y), vec4<f32>(values.x, 0.0, 0.0, 0.0));
        if left + 1u < size.x {
            textureStore(half_gray, vec2<u32>(left + 1u, y), vec4<f32>(values.y, 0.0, 0.0, 0.0));
        }
        a = c;
        b = d;
        c = e;
    }
}
