// Gathers the votes of a neighbourhood for one level: twin of src/cpu/aggregate.rs.
//
// Four cells of a row share a texel in between, and an invocation of `down` makes four rows of them: values slide
// through registers, so that a cell costs 11 loads across and 1.4 down instead of 38 and 19.

struct Params {
    size: vec2<u32>,
    // Cells from the centre to the edge of the neighbourhood, at most 11.
    radius: u32,
    // From the centre outwards, four to an element (params.rs: AGGREGATE).
    weights: array<vec4<f32>, 3>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var measure: texture_2d<f32>;
@group(0) @binding(2) var weight: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(5) var gathered: texture_storage_2d<r32float, write>;

fn weight_at(distance: u32) -> f32 {
    return params.weights[distance / 4u][distance % 4u];
}

// Texels of a row.
fn texels() -> u32 {
    return (params.size.x + 3u) / 4u;
}

fn row(x: i32, y: i32) -> vec4<f32> {
    return rows[clamped_index(vec2<i32>(x, y), vec2<u32>(texels(), params.size.y))];
}

fn product(x: i32, y: i32) -> f32 {
    let at = vec2<i32>(clamp(x, 0, i32(params.size.x) - 1), y);
    return textureLoad(measure, at, 0).x * textureLoad(weight, at, 0).x;
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= texels() || id.y >= params.size.y {
        return;
    }
    let x = i32(id.x) * 4;
    let y = i32(id.y);
    // What lies `distance` before and after each of the four cells.
    var before = vec4<f32>(product(x, y), product(x + 1, y), product(x + 2, y), product(x + 3, y));
    var after = before;
    var sum = weight_at(0u) * before;
    for (var distance = 1u; distance <= params.radius; distance++) {
        before = vec4<f32>(product(x - i32(distance), y), before.xyz);
        after = vec4<f32>(after.yzw, product(x + 3 + i32(distance), y));
        sum += weight_at(distance) * (before + after);
    }
    packed[index(id.xy, texels())] = sum;
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    let y = i32(id.y) * 4;
    if id.x >= texels() || y >= i32(params.size.y) {
        return;
    }
    let x = i32(id.x);
    // What lies `distance` before and after each of the four rows.
    var before0 = row(x, y);
    var before1 = row(x, y + 1);
    var before2 = row(x, y + 2);
    var before3 = row(x, y + 3);
    var after0 = before0;
    var after1 = before1;
    var after2 = before2;
    var after3 = before3;
    let centre = weight_at(0u);
    var sum0 = centre * before0;
    var sum1 = centre * before1;
    var sum2 = centre * before2;
    var sum3 = centre * before3;
    for (var distance = 1u; distance <= params.radius; distance++) {
        before3 = before2;
        before2 = before1;
        before1 = before0;
        before0 = row(x, y - i32(distance));
        after0 = after1;
        after1 = after2;
        after2 = after3;
        after3 = row(x, y + 3 + i32(distance));
        let share = weight_at(distance);
        sum0 += share * (before0 + after0);
        sum1 += share * (before1 + after1);
        sum2 += share * (before2 + after2);
        sum3 += share * (before3 + after3);
    }
    put(id.x * 4u, id.y * 4u, sum0);
    put(id.x * 4u, id.y * 4u + 1u, sum1);
    put(id.x * 4u, id.y * 4u + 2u, sum2);
    put(id.x * 4u, id.y * 4u + 3u, sum3);
}

fn put(x: u32, y: u32, values: vec4<f32>) {
    if y >= params.size.y {
        return;
    }
    put_cell(x, y, values.x);
    put_cell(x + 1u, y, values.y);
    put_cell(x + 2u, y, values.z);
    put_cell(x + 3u, y, values.w);
}

fn put_cell(x: u32, y: u32, value: f32) {
    if x < params.size.x {
        textureStore(gathered, vec2<u32>(x, y), vec4<f32>(value, 0.0, 0.0, 0.0));
    }
}
