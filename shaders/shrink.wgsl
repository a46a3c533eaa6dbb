// Halves a plane for the pyramid: twin of src/cpu/shrink.rs.
//
// An invocation makes four rows of two columns: rows slide through registers, so that a pixel of the result costs 10
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

// Two pixels of a row smoothed across, of the columns x and x + 2.
struct Pair {
    left: vec4<f32>,
    right: vec4<f32>,
}

fn at(x: i32, y: i32) -> vec4<f32> {
    return plane[clamped_index(vec2<i32>(x, y), params.source)];
}

fn row(x: i32, y: i32) -> Pair {
    let b = at(x - 1, y);
    let c = at(x, y);
    let d = at(x + 1, y);
    let e = at(x + 2, y);
    let f = at(x + 3, y);
    return Pair(
        (at(x - 2, y) + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0),
        (c + 4.0 * d + 6.0 * e + 4.0 * f + at(x + 4, y)) * (1.0 / 16.0),
    );
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    let left = id.x * 2u;
    if left >= params.size.x || top >= params.size.y {
        return;
    }
    let x = 2 * i32(left);
    var a = row(x, 2 * i32(top) - 2);
    var b = row(x, 2 * i32(top) - 1);
    var c = row(x, 2 * i32(top));
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let d = row(x, 2 * i32(y) + 1);
        let e = row(x, 2 * i32(y) + 2);
        let first = (a.left + 4.0 * b.left + 6.0 * c.left + 4.0 * d.left + e.left) * (1.0 / 16.0);
        half[index(vec2<u32>(left, y), params.size.x)] = first;
        if left + 1u < params.size.x {
            let second = (a.right + 4.0 * b.right + 6.0 * c.right + 4.0 * d.right + e.right) * (1.0 / 16.0);
            half[index(vec2<u32>(left + 1u, y), params.size.x)] = second;
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
    let top = id.y * 4u;
    let left = id.x * 2u;
    if left >= params.size.x || top >= params.size.y {
        return;
    }
    let x = 2 * i32(left);
    var a = gray_row(x, 2 * i32(top) - 2);
    var b = gray_row(x, 2 * i32(top) - 1);
    var c = gray_row(x, 2 * i32(top));
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let d = gray_row(x, 2 * i32(y) + 1);
        let e = gray_row(x, 2 * i32(y) + 2);
        let values = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0);
        textureStore(half_gray, vec2<u32>(left, y), vec4<f32>(values.x, 0.0, 0.0, 0.0));
        if left + 1u < params.size.x {
            textureStore(half_gray, vec2<u32>(left + 1u, y), vec4<f32>(values.y, 0.0, 0.0, 0.0));
        }
        a = c;
        b = d;
        c = e;
    }
}
