/// A robot as numbers: bodies, joints, shapes, actuators and what follows from them once and for all.
namespace Rl.Core.Environments.Robots

/// How a joint lets its body move.
type internal JointKind =
    /// Six degrees of freedom: position (3), quaternion (4); velocity in the world's axes, then angular in the body's.
    | Free = 0
    /// Three: a quaternion; angular velocity in the body's axes.
    | Ball = 1
    | Slide = 2
    | Hinge = 3

/// The shape of a geom, in the order in which two of a pair are put, by MuJoCo's numbers.
type internal GeomKind =
    | Plane = 0
    | HeightField = 1
    | Sphere = 2
    | Capsule = 3
    | Ellipsoid = 4
    | Cylinder = 5
    | Box = 6

type internal Integrator =
    | Euler = 0
    | RungeKutta4 = 1

type internal ConstraintSolver =
    /// Projected Gauss-Seidel on the dual problem, with a fixed number of sweeps.
    | ProjectedGaussSeidel = 0
    /// Newton's method on the primal problem, to its exact solution.
    | Newton = 2

/// How soft a constraint is: MuJoCo's `solref` (time constant, damping ratio) and `solimp` (impedance that grows from
/// `Minimum` to `Maximum` over the violation `Width` along a curve with `Midpoint` and `Power`).
[<Struct>]
type internal Softness =
    {
        TimeConstant: float
        DampingRatio: float
        Minimum: float
        Maximum: float
        Width: float
        Midpoint: float
        Power: float
    }

/// What holds for the whole simulation.
type internal SimulationOptions =
    {
        /// s.
        Timestep: float
        Integrator: Integrator
        Solver: ConstraintSolver
        /// The most sweeps or Newton steps.
        Iterations: int
        /// The relative improvement below which the solver stops.
        Tolerance: float
        /// m/s².
        Gravity: Vector3D
        /// The medium's velocity, m/s.
        Wind: Vector3D
        /// The medium's density, kg/m³; 0 for none.
        Density: float
        /// The medium's viscosity, Pa·s; 0 for none.
        Viscosity: float
    }

/// A rigid body. Body 0 is the world.
type internal Body =
    {
        Name: string
        /// The body that carries it; it comes before it.
        Parent: int
        /// The topmost moving ancestor: all bodies of a tree share its origin of com-based quantities.
        Root: int
        /// The body that it is rigidly part of: itself if it has joints.
        Welded: int
        /// Place and orientation in the parent's frame.
        Position: Vector3D
        Orientation: Quaternion
        /// Centre of mass and principal axes in its own frame.
        Centre: Vector3D
        PrincipalAxes: Quaternion
        Mass: float
        /// Principal moments.
        Inertia: Vector3D
        SubtreeMass: float
        /// The mean of the diagonal of J M⁻¹ Jᵀ at the centre of mass in the reference pose, for translations and
        /// rotations.
        TranslationalWeight: float
        RotationalWeight: float
        FirstJoint: int
        JointCount: int
        FirstDof: int
        DofCount: int
        /// The last degree of freedom that moves the body (its own or an ancestor's); -1 for none.
        LastDof: int
    }

type internal Joint =
    {
        Name: string
        Kind: JointKind
        Body: int
        /// Its first element among positions and among velocities.
        PositionIndex: int
        DofIndex: int
        /// Anchor and axis in the body's frame.
        Anchor: Vector3D
        Axis: Vector3D
        IsLimited: bool
        Low: float
        High: float
        /// The distance from a limit at which it begins to act.
        Margin: float
        Softness: Softness
        Stiffness: float
    }

/// A degree of freedom.
type internal Dof =
    {
        Joint: int
        Body: int
        /// The degree of freedom before it on the way to the root; -1 for none.
        Parent: int
        Armature: float
        Damping: float
        /// (M⁻¹)ₖₖ in the reference pose; the mean of three for free and ball joints.
        InverseWeight: float
    }

/// A shape: sphere (radius), capsule and cylinder (radius, half length along z), box and ellipsoid (half sizes), plane
/// (the xy-plane, solid below), field of heights (half sides and highest height; solid below).
type internal Geom =
    {
        Name: string
        Kind: GeomKind
        Body: int
        Position: Vector3D
        Orientation: Quaternion
        Size: Vector3D
        /// The field of a field of heights, among the model's; -1 for other kinds.
        Field: int
        /// Sliding, spinning, rolling.
        Friction: Vector3D
        /// The dimensions of its contacts: 1 without friction, 3 with sliding friction.
        Dimension: int
        ContactType: int
        ContactAffinity: int
        Margin: float
        Gap: float
        Softness: Softness
        MixingWeight: float
        Priority: int
    }

/// Two geoms that may touch, the first of the lower kind, and what holds for their contacts.
type internal GeomPair =
    {
        First: int
        Second: int
        FirstKind: GeomKind
        SecondKind: GeomKind
        Dimension: int
        Friction: float
        Margin: float
        Gap: float
        Softness: Softness
    }

/// A force on a joint: gain·u + bias₀ + bias₁·length + bias₂·velocity, with the control u clamped to its range.
type internal Actuator =
    {
        Name: string
        Joint: int
        Gear: float
        Gain: float
        Bias: Vector3D
        HasControlRange: bool
        ControlLow: float
        ControlHigh: float
        HasForceRange: bool
        ForceLow: float
        ForceHigh: float
    }

/// A weighted sum of joint positions, which is measured.
type internal Tendon = { Name: string; Joints: int[]; Coefficients: float[] }

type internal Site = { Name: string; Body: int; Position: Vector3D; Orientation: Quaternion }

/// A compiled robot.
type internal RobotModel =
    {
        Name: string
        Options: SimulationOptions
        Bodies: Body[]
        Joints: Joint[]
        Dofs: Dof[]
        Geoms: Geom[]
        HeightFields: HeightField[]
        Sites: Site[]
        Actuators: Actuator[]
        Tendons: Tendon[]
        /// In the order of the constraints that their contacts become.
        Pairs: GeomPair[]
        /// The reference pose, and the positions at which springs are at rest.
        Positions0: float[]
        SpringPositions: float[]
        TotalMass: float
        /// The mean of M's diagonal in the reference pose.
        MeanInertia: float
        HasDamping: bool
    }

    /// The number of elements of a position.
    member this.PositionCount = this.Positions0.Length
    /// The number of degrees of freedom.
    member this.DofCount = this.Dofs.Length

/// Finding things by their names, and counting.
[<RequireQualifiedAccess>]
module internal RobotModel =
    open Rl.Core.Foundations

    let private index (what: string) (model: RobotModel) (names: string[]) (name: string) =
        match System.Array.IndexOf(names, name) with
        | -1 ->
            let known = System.String.Join(", ", names)
            Guard.fail what $"{model.Name} has no {what} \"{name}\"; it has {known}."
        | found -> found

    /// The most contacts of a pair of shapes.
    let contactsOf (pair: GeomPair) =
        match pair.FirstKind, pair.SecondKind with
        | GeomKind.HeightField, GeomKind.Capsule -> 5
        | GeomKind.Plane, GeomKind.Cylinder -> 4
        | GeomKind.HeightField, _ -> 3
        | GeomKind.Plane, GeomKind.Capsule
        | GeomKind.Capsule, GeomKind.Capsule -> 2
        | _ -> 1

    let body (name: string) (model: RobotModel) = index "body" model (model.Bodies |> Array.map _.Name) name

    let joint (name: string) (model: RobotModel) = index "joint" model (model.Joints |> Array.map _.Name) name

    let site (name: string) (model: RobotModel) = index "site" model (model.Sites |> Array.map _.Name) name
