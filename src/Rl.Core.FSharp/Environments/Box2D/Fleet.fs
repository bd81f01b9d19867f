/// Steps of many worlds of one model: velocity iterations with a world a lane, everything else world by world.
namespace Rl.Core.Environments.Box2D

open System
open System.Numerics
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open Rl.Core.Foundations
open Rl.Core.Kernels

#nowarn "3535"
#nowarn "3536"

/// Velocity iterations of a vector of worlds.
[<AbstractClass; Sealed>]
type internal FleetIterations<'L, 'V
    when 'V: struct and 'V: (new: unit -> 'V) and 'V :> ValueType and 'L :> ILanes<'V, float32>> =

    /// `bodies[i]` is the moving body of contact i, whose row is the i-th of `contactRows`; the other one is the ground
    /// at `groundRow`.
    static member Run
        (
            iterations: int,
            places: JointPlace[],
            joints: Span<float32>,
            bodies: ReadOnlySpan<int>,
            groundRow: int,
            contacts: Span<float32>,
            contactRows: Span<float32>,
            unknowns: Span<float32>
        ) =
        let joints = MemoryMarshal.Cast<float32, JointConstraint<'V>> joints
        let contacts = MemoryMarshal.Cast<float32, PairConstraint<'V>> contacts
        let contactRows = MemoryMarshal.Cast<float32, 'V> contactRows
        let unknowns = MemoryMarshal.Cast<float32, 'V> unknowns

        for _ in 1..iterations do
            for index in 0 .. places.Length - 1 do
                let place = places[index]

                JointIteration<'L, 'V>
                    .Solve(
                        &joints[index],
                        &Rows.body unknowns place.First,
                        &Rows.body unknowns place.Second,
                        &Rows.joint unknowns place.Row
                    )

            for index in 0 .. bodies.Length - 1 do
                ContactIteration<'L, 'V>
                    .Solve(
                        &contacts[index],
                        &Rows.body unknowns groundRow,
                        &Rows.body unknowns (4 * bodies[index]),
                        &Rows.contact contactRows (4 * index)
                    )

/// The memory of up to `Fleet.Lanes` worlds, each with `places` for contacts, between the parts of a step: `Start`
/// every world, `Iterate`, `Finish` every world. The results are those of `Solver.step`, bit for bit. Bodies must not
/// collide with each other, so that a contact is one of a body with the ground. `lanes` is 16, 8 or 4. Not to be shared
/// by threads.
[<Sealed>]
type internal Fleet(model: WorldModel, places: int, lanes: int) =
    do
        if model.BodiesCollide then
            Guard.fail (nameof model) "Bodies collide with each other; a fleet solves contacts with the ground only."

    let count = model.Bodies.Length
    let jointPlaces = Array.init model.Joints.Length (fun index -> JointPlace.Of(model, index))
    let unknownCount = Solver.unknownsOf model places
    /// The unknowns of bodies and joints.
    let commonCount = Solver.unknownsOf model 0
    let solver = Array.zeroCreate<SolverBody>(lanes * (count + 1))
    let corners = Array.zeroCreate<Vector2>(lanes * count * Polygon.MaxCorners)
    let normals = Array.zeroCreate<Vector2>(lanes * count * Polygon.MaxCorners)
    let joints = Array.zeroCreate<JointConstraint<float32>>(lanes * model.Joints.Length)
    let contacts = Array.zeroCreate<ContactConstraint>(lanes * places)
    let before = Array.zeroCreate<Contact>(lanes * places)
    let found = Array.zeroCreate<Contact>(lanes * places)
    let unknowns = Array.zeroCreate<float32>(lanes * unknownCount)
    let islands = Array.zeroCreate<int>(lanes * count)
    let starts = Array.zeroCreate<Pose>(lanes * count)
    /// What `Solver.start` returned for each world; −1 also where there is none.
    let toSolve = Array.create lanes -1

    // A contact of each world, at most, shares a vector: contacts are in the order of bodies, so that vectors by body
    // keep each world's order.
    let mostVectors = count * places
    let vectorBodies = Array.zeroCreate<int> mostVectors
    let vectorOf = Array.zeroCreate<int>(lanes * places)
    let mutable vectorCount = 0

    // Numbers with a world a lane, a row a number: matrices that begin on boundaries of cache lines.
    let pairFloats = sizeof<PairConstraint<float32>> / sizeof<float32>
    let jointFloats = sizeof<JointConstraint<float32>> / sizeof<float32> * model.Joints.Length
    let matrixRows = [| commonCount; jointFloats; mostVectors * pairFloats; 4 * mostVectors |]
    let memory = GC.AllocateArray<float32>(lanes * Array.sum matrixRows + 16, true)

    let memoryStart =
        let address = Marshal.UnsafeAddrOfPinnedArrayElement(memory, 0)
        int ((64n - address % 64n) % 64n) / sizeof<float32>

    let matrix (index: int) =
        let mutable first = memoryStart

        for before in 0 .. index - 1 do
            first <- first + lanes * matrixRows[before]

        Span(memory, first, lanes * matrixRows[index])

    let workspace (lane: int) : Workspace =
        {
            Solver = Span(solver, lane * (count + 1), count + 1)
            Corners = Span(corners, lane * count * Polygon.MaxCorners, count * Polygon.MaxCorners)
            Normals = Span(normals, lane * count * Polygon.MaxCorners, count * Polygon.MaxCorners)
            Joints = Span(joints, lane * model.Joints.Length, model.Joints.Length)
            Contacts = Span(contacts, lane * places, places)
            Before = Span(before, lane * places, places)
            Found = Span(found, lane * places, places)
            Unknowns = Span(unknowns, lane * unknownCount, unknownCount)
            Islands = Span(islands, lane * count, count)
            Starts = Span(starts, lane * count, count)
        }

    /// Column `lane` of a matrix from a row on ← the numbers.
    let scatter (numbers: ReadOnlySpan<float32>) (matrix: Span<float32>) (row: int) (lane: int) =
        for index in 0 .. numbers.Length - 1 do
            matrix[(row + index) * lanes + lane] <- numbers[index]

    let gather (matrix: Span<float32>) (row: int) (lane: int) (numbers: Span<float32>) =
        for index in 0 .. numbers.Length - 1 do
            numbers[index] <- matrix[(row + index) * lanes + lane]

    /// Hinges, bodies and their unknowns. Worlds that are not solved are zeros, which stay zeros whatever is done to
    /// them.
    let scatterCommon (lane: int) =
        let hinges = Span(joints, lane * model.Joints.Length, model.Joints.Length)
        let numbers = Span(unknowns, lane * unknownCount, commonCount)

        if toSolve[lane] < 0 then
            hinges.Clear()
            numbers.Clear()

        scatter (Span.op_Implicit (MemoryMarshal.Cast<JointConstraint<float32>, float32> hinges)) (matrix 1) 0 lane
        scatter (Span.op_Implicit numbers) (matrix 0) 0 lane

    let scatterContact (lane: int) (index: int) (vector: int) =
        let contact = Span(contacts, lane * places + index, 1)
        let pair = MemoryMarshal.CreateSpan(&contact[0].Velocity, 1)
        let pair = MemoryMarshal.Cast<PairConstraint<float32>, float32> pair
        let impulses = Span(unknowns, lane * unknownCount + contact[0].Row, 4)
        scatter (Span.op_Implicit pair) (matrix 2) (vector * pairFloats) lane
        scatter (Span.op_Implicit impulses) (matrix 3) (4 * vector) lane
        vectorOf[lane * places + index] <- vector

    /// Puts the worlds' contacts into vectors: for each body from the last to the first, the first contacts of all
    /// worlds, the second ones …
    let scatterContacts (next: Span<int>) =
        vectorCount <- 0

        for body in count - 1 .. -1 .. 0 do
            let first = vectorCount

            for lane in 0 .. lanes - 1 do
                let mutable vector = first

                while next[lane] < toSolve[lane] && contacts[lane * places + next[lane]].Second = body do
                    if vector = vectorCount then
                        vectorBodies[vector] <- body
                        (matrix 2).Slice(vector * pairFloats * lanes, pairFloats * lanes).Clear()
                        (matrix 3).Slice(4 * vector * lanes, 4 * lanes).Clear()
                        vectorCount <- vectorCount + 1

                    scatterContact lane next[lane] vector
                    next[lane] <- next[lane] + 1
                    vector <- vector + 1

    let gatherWorld (lane: int) =
        let numbers = Span(unknowns, lane * unknownCount, unknownCount)
        gather (matrix 0) 0 lane (numbers.Slice(0, commonCount))

        for index in 0 .. toSolve[lane] - 1 do
            let contact = lane * places + index
            gather (matrix 3) (4 * vectorOf[contact]) lane (numbers.Slice(contacts[contact].Row, 4))

    /// With as many lanes as a vector of the processor has.
    new(model: WorldModel, places: int) = Fleet(model, places, Fleet.Lanes)

    /// The number of worlds in a fleet: as many as float32 numbers in a vector of the processor.
    static member val Lanes = max 4 (VectorWidth.bits / 32)

    /// Worth its memory's traffic: a few worlds are stepped faster one by one.
    static member IsWorthwhile(worlds: int) = worlds >= 3 && VectorWidth.bits > 0

    /// Begins the step of a world.
    member _.Start(lane: int, ground: Ground, world: WorldState) =
        Solver.check model world
        toSolve[lane] <- Solver.start model ground (workspace lane) world

    /// The velocity iterations of the worlds that were started.
    member _.Iterate() =
        let next = Scratch.span<int> lanes

        for lane in 0 .. lanes - 1 do
            scatterCommon lane

        scatterContacts next
        let bodies = ReadOnlySpan(vectorBodies, 0, vectorCount)
        let iterations = model.VelocityIterations

        match lanes with
        | 16 ->
            FleetIterations<Lanes512<float32>, Vector512<float32>>
                .Run(iterations, jointPlaces, matrix 1, bodies, 4 * count, matrix 2, matrix 3, matrix 0)
        | 8 ->
            FleetIterations<Lanes256<float32>, Vector256<float32>>
                .Run(iterations, jointPlaces, matrix 1, bodies, 4 * count, matrix 2, matrix 3, matrix 0)
        | _ ->
            FleetIterations<Lanes128<float32>, Vector128<float32>>
                .Run(iterations, jointPlaces, matrix 1, bodies, 4 * count, matrix 2, matrix 3, matrix 0)

        for lane in 0 .. lanes - 1 do
            if toSolve[lane] >= 0 then gatherWorld lane

    /// Ends the step of a world.
    member _.Finish(lane: int, ground: Ground, world: WorldState) =
        Solver.finish model ground toSolve[lane] (workspace lane) world
        toSolve[lane] <- -1
