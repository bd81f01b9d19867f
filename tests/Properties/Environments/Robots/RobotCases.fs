/// The robots' golden files: their names, and comparing workspaces with what they record.
module Rl.Tests.Environments.Robots.RobotCases

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Environments.Robots
open Rl.Tests.Golden
open Xunit

/// Our models by the names of the recorded ones.
let models =
    [
        "inverted_pendulum"
        "inverted_double_pendulum"
        "reacher"
        "swimmer"
        "hopper"
        "half_cheetah"
        "walker2d"
        "ant"
        "humanoid"
        "pusher"
    ]

/// The model of a recorded one's name.
let internal model (name: string) : RobotModel =
    RobotModels.find (if name = "humanoidstandup" then "humanoid_standup" else name)

let numbers (v: Vector3D) = [| v.X; v.Y; v.Z |]
let wrench (s: Spatial) = [| yield! numbers s.Angular; yield! numbers s.Linear |]
let quaternion (q: Quaternion) = [| q.W; q.X; q.Y; q.Z |]

/// A model with the weights of MuJoCo 2.2.2, which counts armature for bodies that only slide, as recorded.
let internal withRecordedWeights (recorded: GoldenNode) (model: RobotModel) : RobotModel =
    let bodies =
        Array.map2
            (fun (body: Body) (node: GoldenNode) ->
                let weights = node.Floats "invweight0"
                { body with TranslationalWeight = weights[0]; RotationalWeight = weights[1] })
            model.Bodies
            (Array.ofList recorded["bodies"].Items)

    let weights =
        [|
            for joint in recorded["joints"].Items do
                for dof in joint["dofs"].Items -> dof.Float "invweight0"
        |]

    { model with
        Bodies = bodies
        Dofs = Array.map2 (fun (dof: Dof) weight -> { dof with InverseWeight = weight }) model.Dofs weights
    }

/// The model that the recorded numbers of MuJoCo 2.2.2 belong to.
let internal recordedModel (name: string) : RobotModel =
    let file = if name = "humanoid_standup" then "humanoidstandup" else name
    withRecordedWeights (Golden.cases $"model_{file}").Head (model name)

/// |actual − expected| ≤ tolerance·max(1, |expected|), element by element.
let close (tolerance: float) (node: GoldenNode) (name: string) (actual: float[]) =
    let expected = node.Floats name
    // Elements below 1 are compared absolutely, those above relatively.
    let scaled (values: float[]) =
        Array.map2 (fun value (reference: float) -> value / Math.Max(1.0, abs reference)) values expected

    if expected.Length <> actual.Length then
        failwith $"{node.Path}: {name} has {actual.Length} elements instead of {expected.Length}."

    Golden.close tolerance 0.0 node name (scaled expected) (scaled actual)

/// |actual − expected| ≤ tolerance·max(1, max |expected|).
let closeTo (tolerance: float) (node: GoldenNode) (name: string) (expected: float[]) (actual: float[]) =
    let largest = expected |> Array.fold (fun (largest: float) value -> max largest (abs value)) 1.0
    Golden.close (tolerance * largest) 0.0 node name expected actual

/// The momentum of a body in motion, from the ten numbers of its inertia: I w + md × v, m v − md × w.
let momentumOf (inertia: SpatialInertia) (motion: Spatial) : Spatial =
    let i = SpatialInertia.toArray inertia
    let w, v = motion.Angular, motion.Linear
    let md = Vector3D(i[6], i[7], i[8])

    let cross (a: Vector3D) (b: Vector3D) =
        Vector3D(a.Y * b.Z - a.Z * b.Y, a.Z * b.X - a.X * b.Z, a.X * b.Y - a.Y * b.X)

    let turned =
        Vector3D(
            i[0] * w.X + i[3] * w.Y + i[4] * w.Z,
            i[3] * w.X + i[1] * w.Y + i[5] * w.Z,
            i[4] * w.X + i[5] * w.Y + i[2] * w.Z
        )

    Spatial(turned + cross md v, i[9] * v - cross md w)

/// A motion times a force.
let power (motion: Spatial) (force: Spatial) =
    Array.fold2 (fun sum a b -> sum + a * b) 0.0 (wrench motion) (wrench force)

/// The numbers of a state, to be read and written.
let inline stateNumbers<'State when 'State: struct> (state: byref<'State>) : Span<float> =
    MemoryMarshal.CreateSpan(&Unsafe.As<'State, float>(&state), Unsafe.SizeOf<'State>() / sizeof<float>)

/// Arrays whose elements differ by at most the tolerance times the largest element (at least 1).
let closeArrays (tolerance: float) (expected: float[]) (actual: float[]) =
    let largest = expected |> Array.fold (fun (largest: float) value -> max largest (abs value)) 1.0
    Assert.Equal(expected.Length, actual.Length)
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, tolerance * largest)) expected actual
