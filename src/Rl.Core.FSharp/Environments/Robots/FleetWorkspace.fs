/// The room in which eight copies of a robot are evaluated side by side.
namespace Rl.Core.Environments.Robots

/// A pair of geoms that may touch, with what a fleet needs of it.
[<NoComparison; NoEquality>]
type internal FleetPair =
    {
        Index: int
        Pair: GeomPair
        FirstBody: int
        SecondBody: int
        /// The most contacts at a time, and the place of the first among all.
        Slots: int
        FirstSlot: int
        /// How near the centres are where the bounding spheres meet (of a plane: how high the centre is).
        Reach: float
        /// Whether a contact can push anything.
        Moves: bool
        /// The degrees of freedom that move either body, in order; of each that moves the first body, and the second,
        /// its place there.
        Chain: int[]
        FirstPlaces: int[]
        SecondPlaces: int[]
    }

/// `Workspace` for eight copies: numbers of vectors, quaternions, matrices and inertias one after the other. Constraint
/// rows are those that any copy has, each with the mask of the copies that have it, in the order that they have for
/// one copy. Only the numbers of degrees of freedom that a row can move are stored. One a thread.
[<Sealed>]
type internal FleetWorkspace(model: RobotModel) =
    let bodies, dofs, geoms = model.Bodies.Length, model.DofCount, model.Geoms.Length

    let chainOf (body: int) =
        let rec from dof = if dof < 0 then [] else dof :: from model.Dofs[dof].Parent
        from model.Bodies[body].LastDof |> List.rev |> Array.ofList

    let pairs =
        let slots = Array.map RobotModel.contactsOf model.Pairs
        let firsts = Array.scan (+) 0 slots

        model.Pairs
        |> Array.mapi (fun index pair ->
            let first, second = model.Geoms[pair.First], model.Geoms[pair.Second]
            let firstChain, secondChain = chainOf first.Body, chainOf second.Body
            let chain = Array.append firstChain secondChain |> Array.distinct |> Array.sort
            let places = Array.map (fun dof -> System.Array.IndexOf(chain, dof))

            {
                Index = index
                Pair = pair
                FirstBody = first.Body
                SecondBody = second.Body
                Slots = slots[index]
                FirstSlot = firsts[index]
                Reach = ContactSearch.reachOf model pair
                Moves = chain.Length > 0
                Chain = chain
                FirstPlaces = places firstChain
                SecondPlaces = places secondChain
            })

    let slots = pairs |> Array.sumBy _.Slots
    let limits = model.Joints |> Array.filter _.IsLimited |> Array.length
    let rowsOf (pair: FleetPair) = pair.Slots * (if pair.Pair.Dimension = 1 then 1 else 4)
    let rows = 2 * limits + Array.sumBy rowsOf pairs
    let entries = 2 * limits + Array.sumBy (fun pair -> rowsOf pair * pair.Chain.Length) pairs

    let isUsed =
        let used = Array.create geoms false

        for pair in model.Pairs do
            used[pair.First] <- true
            used[pair.Second] <- true

        used

    let frames () =
        let array = LaneArray(9 * bodies)

        for axis in 0..2 do
            array[4 * axis] <- Lane.all 1.0

        array

    let orientations =
        let array = LaneArray(4 * bodies)
        array[0] <- Lane.all 1.0
        array

    member _.Model = model
    member _.Pairs = pairs
    /// The degrees of freedom of each joint's limit.
    member val LimitChains: int[][] = model.Joints |> Array.map (fun joint -> [| joint.DofIndex |])
    /// Geoms that may touch others.
    member _.IsUsed = isUsed
    /// One copy at a time: what is seldom, and what tasks read.
    member val Single = Workspace model

    // --- The state
    member val Position = LaneArray model.PositionCount
    member val Velocity = LaneArray dofs
    member val WarmStart = LaneArray dofs
    member val Control = LaneArray model.Actuators.Length

    /// The heights of each field, copy by copy.
    member val Heights: float[][][] =
        Array.init Lane.Count (fun _ -> model.HeightFields |> Array.map (fun field -> Array.copy field.Heights))

    /// The copies that are stepped; the others' numbers mean nothing.
    member val Alive = Lane.zero with get, set

    // --- Kinematics
    member val BodyPosition = LaneArray(3 * bodies)
    member _.BodyOrientation = orientations
    member val BodyRotation = frames ()
    member val CentrePosition = LaneArray(3 * bodies)
    member val CentreRotation = frames ()
    member val JointAnchor = LaneArray(3 * model.Joints.Length)
    member val JointAxis = LaneArray(3 * model.Joints.Length)
    member val GeomPosition = LaneArray(3 * geoms)
    /// The z axes of geoms.
    member val GeomAxis = LaneArray(3 * geoms)
    member val SubtreeCentre = LaneArray(3 * bodies)

    // --- Com-based inertias and motions
    member val Inertia = LaneArray(10 * bodies)
    member val CompositeInertia = LaneArray(10 * bodies)
    member val Motion = LaneArray(6 * dofs)
    member val MassMatrix = LaneArray(dofs * dofs)
    member val Factor = LaneArray(dofs * dofs)
    member val InverseDiagonal = LaneArray dofs

    // --- Velocities and forces
    member val BodyVelocity = LaneArray(6 * bodies)
    member val MotionRate = LaneArray(6 * dofs)
    member val BodyAcceleration = LaneArray(6 * bodies)
    member val BodyForce = LaneArray(6 * bodies)
    member val Bias = LaneArray dofs
    member val Passive = LaneArray dofs
    member val Actuation = LaneArray dofs
    member val Smooth = LaneArray dofs
    member val SmoothAcceleration = LaneArray dofs
    member val Acceleration = LaneArray dofs
    member val ContactForce = LaneArray(6 * bodies)

    // --- Contacts: those of a pair have places of their own, whether a copy has them or not
    member val Distance = LaneArray slots
    member val Place = LaneArray(3 * slots)
    /// Normal and two tangents.
    member val Frame = LaneArray(9 * slots)
    /// The copies that have a contact within its margin.
    member val Touches = LaneArray slots

    // --- Constraint rows
    member val RowCount = 0 with get, set
    member val EntryCount = 0 with get, set
    member val RowChain: int[][] = Array.create rows [||]
    /// Where a row's numbers begin in the Jacobian.
    member val RowStart: int[] = Array.zeroCreate rows
    /// The pair and the slot of a contact's row; -1 for limits.
    member val RowPair: int[] = Array.zeroCreate rows
    member val RowSlot: int[] = Array.zeroCreate rows
    /// The joint of a limit's row.
    member val RowJoint: int[] = Array.zeroCreate rows
    member val RowMask = LaneArray rows
    member val Jacobian = LaneArray entries
    member val RowViolation = LaneArray rows
    member val RowImpedance = LaneArray rows
    member val RowStiffness: float[] = Array.zeroCreate rows
    member val RowDamping: float[] = Array.zeroCreate rows
    member val Regulariser = LaneArray rows
    member val Compliance = LaneArray rows
    member val Reference = LaneArray rows
    member val RowForce = LaneArray rows
    member val ConstraintForce = LaneArray dofs

    // --- The solver's own
    member val Hessian = LaneArray(dofs * dofs)
    member val Residual = LaneArray rows
    member val RowChange = LaneArray rows
    member val Gradient = LaneArray dofs
    member val Direction = LaneArray dofs
    member val Product = LaneArray dofs

    /// M⁻¹ Jᵀ, row by row of J, and the lower triangle of A = J M⁻¹ Jᵀ + diag(R): for the dual solver alone.
    member val DualRows = LaneArray(if model.Options.Solver = ConstraintSolver.Newton then 0 else rows * dofs)

    /// Grows with the number of rows.
    member val DualMatrix =
        LaneArray(
            if model.Options.Solver = ConstraintSolver.Newton then
                0
            else
                min 4096 (rows * (rows + 1) / 2)
        ) with get, set

    member val DualBias = LaneArray rows

    // --- The integrator's own
    member val StartPosition = LaneArray model.PositionCount
    member val StartVelocity = LaneArray dofs
    member val StageVelocity = LaneArray dofs
    member val SumVelocity = LaneArray dofs
    member val SumAcceleration = LaneArray dofs
