/// The room in which one evaluation of a robot's dynamics takes place: everything that follows from a state.
namespace Rl.Core.Environments.Robots

open System

/// Two surfaces that touch or nearly do.
[<Struct; NoComparison>]
type internal Contact =
    {
        /// The index among the model's pairs.
        Pair: int
        /// The gap between the surfaces, negative where they overlap.
        Distance: float
        /// Midway between the surfaces.
        Position: Vector3D
        /// From the first geom to the second.
        Normal: Vector3D
        Tangent1: Vector3D
        Tangent2: Vector3D
    }

/// What kind of constraint a row is, by MuJoCo's numbers.
type internal RowKind =
    | Limit = 3
    | Frictionless = 5
    | Pyramid = 6

/// State and all derived quantities of one robot, overwritten by every evaluation; one a thread. "Com-based" are
/// vectors in the world's axes about the centre of mass of the body's tree.
[<Sealed>]
type internal Workspace(model: RobotModel) =
    let bodies, dofs = model.Bodies.Length, model.DofCount
    let contacts = model.Pairs |> Array.sumBy RobotModel.contactsOf

    let rows =
        2 * (model.Joints |> Array.filter _.IsLimited).Length
        + (model.Pairs
           |> Array.sumBy (fun pair -> RobotModel.contactsOf pair * (if pair.Dimension = 1 then 1 else 4)))

    /// The robot; another may take its place that differs in numbers alone.
    member val Model = model with get, set

    // --- The state
    member val Position: float[] = Array.copy model.Positions0
    member val Velocity: float[] = Array.zeroCreate dofs
    /// The acceleration that the solver starts from.
    member val WarmStart: float[] = Array.zeroCreate dofs
    member val Control: float[] = Array.zeroCreate model.Actuators.Length

    /// The heights of each field, at first the model's own.
    member val Heights: float[][] =
        model.HeightFields |> Array.map (fun field -> Array.copy field.Heights) with get, set

    // --- Kinematics
    member val BodyPosition: Vector3D[] = Array.create bodies Vector3D.zero
    member val BodyOrientation: Quaternion[] = Array.create bodies Quaternion.identity
    member val BodyRotation: Rotation[] = Array.create bodies Rotation.identity
    member val CentrePosition: Vector3D[] = Array.create bodies Vector3D.zero
    member val CentreRotation: Rotation[] = Array.create bodies Rotation.identity
    member val JointAnchor: Vector3D[] = Array.create model.Joints.Length Vector3D.zero
    member val JointAxis: Vector3D[] = Array.create model.Joints.Length Vector3D.zero
    member val GeomPosition: Vector3D[] = Array.create model.Geoms.Length Vector3D.zero
    member val GeomRotation: Rotation[] = Array.create model.Geoms.Length Rotation.identity
    member val SitePosition: Vector3D[] = Array.create model.Sites.Length Vector3D.zero
    /// The centre of mass of a body with all that it carries.
    member val SubtreeCentre: Vector3D[] = Array.create bodies Vector3D.zero

    // --- Com-based inertias and motions
    member val Inertia: SpatialInertia[] = Array.create bodies SpatialInertia.zero
    member val CompositeInertia: SpatialInertia[] = Array.create bodies SpatialInertia.zero
    /// The motion of each degree of freedom at unit velocity.
    member val Motion: Spatial[] = Array.create dofs Spatial.zero
    /// M, row by row, with armature.
    member val MassMatrix: float[] = Array.zeroCreate (dofs * dofs)
    /// L below the diagonal and D on it, M = Lᵀ D L.
    member val Factor: float[] = Array.zeroCreate (dofs * dofs)
    member val InverseDiagonal: float[] = Array.zeroCreate dofs

    // --- Velocities and forces
    member val BodyVelocity: Spatial[] = Array.create bodies Spatial.zero
    member val MotionRate: Spatial[] = Array.create dofs Spatial.zero
    member val BodyAcceleration: Spatial[] = Array.create bodies Spatial.zero
    member val BodyForce: Spatial[] = Array.create bodies Spatial.zero
    member val Bias: float[] = Array.zeroCreate dofs
    member val Passive: float[] = Array.zeroCreate dofs
    member val ActuatorForce: float[] = Array.zeroCreate model.Actuators.Length
    member val Actuation: float[] = Array.zeroCreate dofs
    member val Smooth: float[] = Array.zeroCreate dofs
    member val SmoothAcceleration: float[] = Array.zeroCreate dofs
    member val Acceleration: float[] = Array.zeroCreate dofs
    /// The forces of contacts on bodies, com-based (torque; force); filled by `Contacts.forces`.
    member val ContactForce: Spatial[] = Array.create bodies Spatial.zero

    // --- Contacts and constraint rows
    member val Contacts: Contact[] = Array.zeroCreate contacts
    member val ContactCount = 0 with get, set
    member val RowKind: RowKind[] = Array.zeroCreate rows
    /// The joint or contact of a row.
    member val RowSource: int[] = Array.zeroCreate rows
    member val RowCount = 0 with get, set
    /// J, row by row.
    member val Jacobian: float[] = Array.zeroCreate (rows * dofs)
    member val RowDistance: float[] = Array.zeroCreate rows
    member val RowMargin: float[] = Array.zeroCreate rows
    member val RowImpedance: float[] = Array.zeroCreate rows
    member val RowStiffness: float[] = Array.zeroCreate rows
    member val RowDamping: float[] = Array.zeroCreate rows
    /// The estimate of (J M⁻¹ Jᵀ)ᵢᵢ.
    member val RowWeight: float[] = Array.zeroCreate rows
    /// R and 1/R.
    member val Regulariser: float[] = Array.zeroCreate rows
    member val Compliance: float[] = Array.zeroCreate rows
    /// The acceleration along the row that the constraint asks for.
    member val Reference: float[] = Array.zeroCreate rows
    member val RowForce: float[] = Array.zeroCreate rows
    member val ConstraintForce: float[] = Array.zeroCreate dofs
    member val SolverSteps = 0 with get, set

    // --- The solver's own
    member val Hessian: float[] = Array.zeroCreate (dofs * dofs)
    member val Residual: float[] = Array.zeroCreate rows
    member val RowChange: float[] = Array.zeroCreate rows
    member val Gradient: float[] = Array.zeroCreate dofs
    member val Direction: float[] = Array.zeroCreate dofs
    member val Product: float[] = Array.zeroCreate dofs

    /// M⁻¹ Jᵀ, row by row of J, and A = J M⁻¹ Jᵀ + diag(R): for the dual solver alone.
    member val DualRows: float[] =
        Array.zeroCreate (if model.Options.Solver = ConstraintSolver.Newton then 0 else rows * dofs)

    member val DualMatrix: float[] =
        Array.zeroCreate (if model.Options.Solver = ConstraintSolver.Newton then 0 else rows * rows)

    member val DualBias: float[] = Array.zeroCreate rows

    // --- The integrator's own
    member val StartPosition: float[] = Array.zeroCreate model.PositionCount
    member val StartVelocity: float[] = Array.zeroCreate dofs
    member val StageVelocity: float[] = Array.zeroCreate dofs
    member val SumVelocity: float[] = Array.zeroCreate dofs
    member val SumAcceleration: float[] = Array.zeroCreate dofs

    // --- A task's own: what the next step needs, as it is noted
    member val Notes: float[] = Array.zeroCreate 32

    /// Puts a state in; the derived quantities are those of the last evaluation until the next.
    member this.Load(position: ReadOnlySpan<float>, velocity: ReadOnlySpan<float>, warmStart: ReadOnlySpan<float>) =
        position.CopyTo(Span this.Position)
        velocity.CopyTo(Span this.Velocity)
        warmStart.CopyTo(Span this.WarmStart)
