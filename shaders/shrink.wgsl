// Halves a plane for the pyramid: twin of src/cpu/shrink.rs.
//
// An invocation makes four rows of one column: rows slide through registers, so that a pixel of the result costs 14
// loads instead of 25.

struct Params {
    // Of the result.
    size: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var half: texture_storage_2d<rgba32float, write>;
@group(0) @binding(3) var half_gray: texture_storage_2d<r32float, write>;

fn row(x: i32, y: i32) -> vec4<f32> {
    return (clamped(plane, vec2<i32>(x - 2, y)) + 4.0 * clamped(plane, vec2<i32>(x - 1, y))
        + 6.0 * clamped(plane, vec2<i32>(x, y)) + 4.0 * clamped(plane, vec2<i32>(x + 1, y))
        + clamped(plane, vec2<i32>(x + 2, y))) * (1.0 / 16.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    if id.x >= params.size.x || top >= params.size.y {
        return;
    }
    let x = 2 * i32(id.x);
    var a = row(x, 2 * i32(top) - 2);
    var b = row(x, 2 * i32(top) - 1);
    var c = row(x, 2 * i32(top));
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let d = row(x, 2 * i32(y) + 1);
        let e = row(x, 2 * i32(y) + 2);
        textureStore(half, vec2<u32>(id.x, y), (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0));
        a = c;
        b = d;
        c = e;
    }
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn gray(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    if id.x >= params.size.x || top >= params.size.y {
        return;
    }
    let x = 2 * i32(id.x);
    var a = row(x, 2 * i32(top) - 2).x;
    var b = row(x, 2 * i32(top) - 1).x;
    var c = row(x, 2 * i32(top)).x;
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let d = row(x, 2 * i32(y) + 1).x;
        let e = row(x, 2 * i32(y) + 2).x;
        let value = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0);
        textureStore(half_gray, vec2<u32>(id.x, y), vec4<f32>(value, 0.0, 0.0, 0.0));
        a = c;
        b = d;
        c = e;
    }
}
